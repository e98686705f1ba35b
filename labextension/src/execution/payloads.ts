/**
 * Instructions to the front end in a kernel's reply.
 */
import type { Cell } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';

import type { IPayload } from '../services/requests';

/** Put the text of `set_next_input` into this cell or a new one below it, as JupyterLab does. */
export function applyPayload(payload: IPayload[], notebook: INotebookModel, cell: Cell): void {
  const next = payload.find(({ source }) => source === 'set_next_input');
  if (typeof next?.['text'] !== 'string') {
    return;
  }
  if (next['replace'] === true) {
    cell.model.sharedModel.setSource(next['text']);
    return;
  }
  const cells = notebook.sharedModel.cells;
  const position = cells.findIndex(({ id }) => id === cell.model.id);
  notebook.sharedModel.insertCell(position === -1 ? cells.length : position + 1, {
    cell_type: 'code',
    source: next['text'],
    // The text comes from the kernel; running cells in a row must not trust it by the way.
    metadata: { trusted: false }
  });
}
