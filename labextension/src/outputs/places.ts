/**
 * Where in which notebook an element of the page is.
 */
import type { INotebookTracker } from '@jupyterlab/notebook';

import { roomIdOf } from '../documents/room';

/** A cell of a notebook that is shared through the server. */
export interface ICellPlace {
  roomId: string;
  cellId: string;
}

/** Return the cell that shows an element, or `null` where no shared notebook does. */
export function placeOf(notebooks: INotebookTracker, node: Node): ICellPlace | null {
  const panel = notebooks.find(({ content }) => content.node.contains(node));
  const cell = panel?.content.widgets.find(widget => widget.node.contains(node));
  const model = panel?.model;
  const roomId = model ? roomIdOf(model.sharedModel) : null;
  return cell && roomId !== null ? { roomId, cellId: cell.model.sharedModel.getId() } : null;
}
