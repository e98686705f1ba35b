/**
 * Shows the kernel that somebody else has started for a notebook.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';

import { IKernelStarter } from '../tokens';

/** How long this page's own choice of a kernel may take to be in effect. */
const SETTLED_MS = 1000;

/** Follows the sessions of the server. */
export const sharedKernelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:shared-kernel',
  description: 'Lets notebooks without a kernel use the one that another page has started.',
  autoStart: true,
  requires: [INotebookTracker, IKernelStarter],
  activate: (
    { serviceManager: { sessions } }: JupyterFrontEnd,
    notebooks: INotebookTracker,
    kernels: IKernelStarter
  ) => {
    const joinAll = (): void => {
      notebooks.forEach(({ context }) => {
        kernels.join(context.sessionContext);
      });
    };
    sessions.runningChanged.connect(() => {
      setTimeout(joinAll, SETTLED_MS);
    });
  }
};
