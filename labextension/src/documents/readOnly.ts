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
 * Lab still offers commands that add, remove and move cells. Their effect would be visible here
 * only, so it is taken back and `onUndone` is called.
 */
export function makeReadOnly(panel: NotebookPanel, onUndone: () => void): void {
  const { content, context } = panel;
  const { sharedModel } = context.model;
  context.model.readOnly = true;
  lockCells(content);
  content.modelContentChanged.connect(lockCells);
  content.activeCellChanged.connect(lockCells);
  const doc = docOf(sharedModel);
  const takeBack = (transaction: Transaction): void => {
    if (transaction.origin === sharedModel && changesCellList(transaction)) {
      // Lab's command still works with the changed cells until its turn ends.
      setTimeout(() => {
        sharedModel.undo();
        onUndone();
      });
    }
  };
  doc.on('afterTransaction', takeBack);
  panel.disposed.connect(() => {
    doc.off('afterTransaction', takeBack);
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

function changesCellList({ changed, doc }: Transaction): boolean {
  const cells: unknown = doc.getArray('cells');
  return [...changed.keys()].some(type => type === cells);
}
