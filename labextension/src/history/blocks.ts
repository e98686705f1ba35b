/**
 * What a version and a difference look like: blocks, which any user interface can show.
 */
import type { Content, Difference, ICell, ICellChange, IHunk, IOutput } from '../services/history';

/** One passage: a heading for people, then text, an image, or lines with signs. */
export type Block =
  | { kind: 'heading'; text: string }
  | { kind: 'text'; text: string; role: 'source' | 'output' }
  | { kind: 'image'; url: string; alt: string }
  | { kind: 'lines'; lines: { sign: string; text: string }[] };

/** Words for people; `%1` and so on are replaced. */
export type Translate = (text: string, ...values: string[]) => string;

/** How much of one text is shown. */
const MAX_SHOWN = 100_000;

/** Return the blocks that show what a version holds. */
export function blocksOfContent(content: Content, words: Translate): Block[] {
  if (content.type !== 'notebook') {
    return [{ kind: 'text', text: cut(content.text, words), role: 'source' }];
  }
  return content.notebook.cells.flatMap(cell => blocksOfCell(cell, words));
}

/** Return the blocks that show a difference; none when there is none. */
export function blocksOfDifference(difference: Difference, words: Translate): Block[] {
  if (difference.type !== 'notebook') {
    return difference.hunks.map(linesOf);
  }
  const blocks = difference.cells.flatMap(cell => blocksOfChange(cell, words));
  return difference.metadata === null
    ? blocks
    : [...blocks, { kind: 'heading', text: words('The metadata of the notebook has changed') }];
}

function blocksOfCell(cell: ICell, words: Translate): Block[] {
  const source = joined(cell.source);
  const heading = cell.cell_type === 'code' ? `[${cell.execution_count ?? ' '}]` : cell.cell_type;
  const outputs = (cell.outputs ?? []).map(output => blockOfOutput(output, words));
  return [
    { kind: 'heading', text: heading },
    { kind: 'text', text: cut(source, words), role: 'source' },
    ...outputs
  ];
}

function blockOfOutput(output: IOutput, words: Translate): Block {
  const data = output.data ?? {};
  const png = data['image/png'];
  if (typeof png === 'string') {
    const url = `data:image/png;base64,${png.replace(/\s/g, '')}`;
    return { kind: 'image', url, alt: joined(data['text/plain'] ?? '') };
  }
  const text =
    output.output_type === 'error'
      ? `${output.ename ?? ''}: ${output.evalue ?? ''}`
      : joined(output.text ?? data['text/plain'] ?? '');
  const shown = text === '' ? words('(an output that is not text)') : cut(text, words);
  return { kind: 'text', text: shown, role: 'output' };
}

function blocksOfChange(change: ICellChange, words: Translate): Block[] {
  const { source, ...others } = change.parts;
  const parts = Object.keys(others);
  return [
    { kind: 'heading', text: headingOf(change, parts, words) },
    ...(source ?? []).map(linesOf)
  ];
}

function headingOf(change: ICellChange, parts: string[], words: Translate): string {
  const place = String((change.new_index ?? change.old_index ?? 0) + 1);
  const names = parts.map(part => part.replace('_', ' ')).join(', ');
  switch (change.status) {
    case 'added':
      return words('Cell %1 was added', place);
    case 'removed':
      return words('Cell %1 was removed', place);
    case 'moved':
      return words('Cell %1 was moved', place);
    case 'changed':
      return names === ''
        ? words('Cell %1 was changed', place)
        : words('Cell %1 was changed (%2)', place, names);
  }
}

function linesOf({ lines }: IHunk): Block {
  return {
    kind: 'lines',
    lines: lines.map(([sign, text]) => ({ sign, text: text.replace(/\n$/, '') }))
  };
}

function joined(text: unknown): string {
  return Array.isArray(text) ? text.join('') : String(text);
}

function cut(text: string, words: Translate): string {
  return text.length <= MAX_SHOWN
    ? text
    : `${text.slice(0, MAX_SHOWN)}\n${words('… and %1 more characters', String(text.length - MAX_SHOWN))}`;
}
