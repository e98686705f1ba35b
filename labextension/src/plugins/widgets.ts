/**
 * Shows widgets for everybody, also those whose models come later than their views.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';

import { LateViews } from '../widgets/lateViews';

const LOOK_AFTER_MS = 50;

/** Follows the widgets of all open notebooks. */
export const widgetsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:widgets',
  description: 'Shows views of widgets whose models came later.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_: JupyterFrontEnd, notebooks: INotebookTracker) => {
    notebooks.forEach(follow);
    notebooks.widgetAdded.connect((_, panel) => {
      follow(panel);
    });
  }
};

function follow(panel: NotebookPanel): void {
  const views = new LateViews(panel.content, panel.sessionContext, look => {
    window.setTimeout(look, LOOK_AFTER_MS);
  });
  panel.disposed.connect(() => {
    views.dispose();
  });
}
