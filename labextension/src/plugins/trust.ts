/**
 * Shows HTML and widgets of cells that the server ran, in every browser.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';

import { followReadyNotebooks } from '../documents/openNotebooks';
import { roomIdOf } from '../documents/room';
import { SharedTrust } from '../documents/sharedTrust';

/** Follows the shared trust of all open notebooks. */
export const trustPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:trust',
  description: 'Follows the trust that the project server gives to cells it ran.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_: JupyterFrontEnd, notebooks: INotebookTracker) => {
    followReadyNotebooks(notebooks, follow);
  }
};

function follow({ context, disposed }: NotebookPanel): void {
  if (roomIdOf(context.model.sharedModel) !== null) {
    const trust = new SharedTrust(context.model);
    disposed.connect(() => {
      trust.dispose();
    });
  }
}
