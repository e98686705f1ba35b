/**
 * Shows widgets for everybody, in step with what the kernel says about them.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';

import { followNotebooks } from '../documents/openNotebooks';
import { LateViews } from '../widgets/lateViews';
import { OrderedViews } from '../widgets/orderedViews';

/** Follows the widgets of all open notebooks. */
export const widgetsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:widgets',
  description: 'Shows views of widgets in step with their models.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_: JupyterFrontEnd, notebooks: INotebookTracker) => {
    followNotebooks(notebooks, follow);
  }
};

function follow(panel: NotebookPanel): void {
  const views = new LateViews(panel.content, panel.sessionContext, (look, afterMs) => {
    window.setTimeout(look, afterMs);
  });
  const ordered = new OrderedViews(panel.content.rendermime, panel.sessionContext);
  panel.disposed.connect(() => {
    ordered.dispose();
    views.dispose();
  });
}
