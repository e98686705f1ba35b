/**
 * After a reload, watches the runs again that this browser tab had started.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookCellExecutor, INotebookTracker } from '@jupyterlab/notebook';

import { ServerCellExecutor } from '../execution/cellExecutor';

/** Resumes the runs of each notebook that is opened; the tracker itself needs the executor. */
export const resumeRunsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:resume-runs',
  description: 'Shows questions of running code again after the page was reloaded.',
  autoStart: true,
  requires: [INotebookTracker, INotebookCellExecutor],
  activate: (_: JupyterFrontEnd, notebooks: INotebookTracker, executor: INotebookCellExecutor) => {
    if (!(executor instanceof ServerCellExecutor)) {
      return;
    }
    notebooks.widgetAdded.connect((_, { context }) => {
      void context.ready.then(() => {
        executor.resume(context.model, context.sessionContext);
      });
    });
  }
};
