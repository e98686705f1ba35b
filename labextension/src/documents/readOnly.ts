/**
 * Shows a notebook read-only to a user whose edits the server would refuse.
 */
import type { Cell } from '@jupyterlab/cells';
import type { Notebook, NotebookPanel } from '@jupyterlab/notebook';
import type { Transaction } from 'yjs';

import { docOf } from './room';

/**
 * Lock the editors of all present and future cells.
 *
 * Lab still offers commands that change the notebook's structure; `onLocalEdit` is called when one
 * of them changed this browser's copy only.
 */
export function makeReadOnly(panel: NotebookPanel, onLocalEdit: () => void): void {
  const { content, context } = panel;
  context.model.readOnly = true;
  lockCells(content);
  content.modelContentChanged.connect(lockCells);
  content.activeCellChanged.connect(lockCells);
  const tell = (transaction: Transaction): void => {
    if (transaction.local && transaction.changed.size > 0 && touchesCells(transaction)) {
      onLocalEdit();
    }
  };
  const doc = docOf(context.model.sharedModel);
  doc.on('afterTransaction', tell);
  panel.disposed.connect(() => {
    doc.off('afterTransaction', tell);
  });
}

function lockCells(notebook: Notebook): void {
  notebook.widgets.forEach(lock);
}

function lock(cell: Cell): void {
  // Otherwise the lock would be written into the cell's metadata.
  cell.syncEditable = false;
  cell.readOnly = true;
}

function touchesCells({ changed, doc }: Transaction): boolean {
  const cells: unknown = doc.getArray('cells');
  return [...changed.keys()].some(type => type === cells);
}
