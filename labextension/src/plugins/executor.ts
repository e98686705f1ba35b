/**
 * Replaces the stock cell executor: code cells run on the server.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookCellExecutor } from '@jupyterlab/notebook';
import { ITranslator } from '@jupyterlab/translation';

import { ServerCellExecutor } from '../execution/cellExecutor';
import { translationFrom } from '../services/translation';
import { IKernelStarter, IOutage, IProjectRequests, IUserRights } from '../tokens';

/** Provides `INotebookCellExecutor`. */
export const executorPlugin: JupyterFrontEndPlugin<INotebookCellExecutor> = {
  id: 'cocalc-jupyter:executor',
  description: 'Runs notebook cells on the project server.',
  autoStart: true,
  requires: [IProjectRequests, IUserRights, IKernelStarter, IOutage],
  optional: [ITranslator],
  provides: INotebookCellExecutor,
  activate: (
    _: JupyterFrontEnd,
    requests: IProjectRequests,
    rights: IUserRights,
    kernels: IKernelStarter,
    outage: IOutage,
    translator: ITranslator | null
  ) => {
    const trans = translationFrom(translator);
    return new ServerCellExecutor({ requests, rights, kernels, outage, trans });
  }
};
