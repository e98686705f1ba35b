/**
 * Where in which notebook an element of the page is.
 */
import { CodeCell } from '@jupyterlab/cells';
import type { INotebookTracker } from '@jupyterlab/notebook';

import { roomIdOf } from '../documents/room';

/** A cell of a notebook that is shared through the server. */
export interface ICellPlace {
  roomId: string;
  cellId: string;
  /** Whether it runs, or waits to run. */
  isRunning: boolean;
}

/** Return the cell that shows an element, or `null` where no shared notebook does. */
export function placeOf(notebooks: INotebookTracker, node: Node): ICellPlace | null {
  const panel = notebooks.find(({ content }) => content.node.contains(node));
  const cell = panel?.content.widgets.find(widget => widget.node.contains(node));
  const model = panel?.model;
  const roomId = model ? roomIdOf(model.sharedModel) : null;
  if (cell === undefined || roomId === null) {
    return null;
  }
  const isRunning = cell instanceof CodeCell && cell.model.executionState !== 'idle';
  return { roomId, cellId: cell.model.sharedModel.getId(), isRunning };
}
