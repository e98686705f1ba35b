/**
 * Outputs that can do something: questions of running code, and that there is more output.
 */

/** The type of a question: `{prompt, password, value?, id?}`; without a value it waits. */
export const QUESTION = 'application/vnd.cocalc.input+json';

/** The type of the mark that the server keeps more output. */
export const MORE_OUTPUT = 'application/vnd.cocalc.more-output+json';

/** A question of running code. */
export interface IQuestion {
  prompt: string;
  password: boolean;
  /** Its number, if the server gave one. */
  id: string | null;
  /** What was answered; `null` while it waits. Of a password always the empty text. */
  value: string | null;
}

const HIDDEN = '········';

/** Return the question in an output's data, whatever is missing there. */
export function questionOf(data: unknown): IQuestion {
  const fields = (typeof data === 'object' && data !== null ? data : {}) as Record<string, unknown>;
  const text = (name: string): string | null => {
    const value = fields[name];
    return typeof value === 'string' ? value : null;
  };
  return {
    prompt: text('prompt') ?? '',
    password: fields['password'] === true,
    id: text('id'),
    value: text('value')
  };
}

/** Return a question with its answer as a terminal would show them. */
export function dialogueOf({ prompt, password, value }: IQuestion): string {
  return `${prompt}${password ? HIDDEN : (value ?? '')}`;
}
