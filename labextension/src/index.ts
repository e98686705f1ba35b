/**
 * The plugins of the extension, and nothing else.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { ServiceManagerPlugin } from '@jupyterlab/services';

import { blobsPlugin } from './plugins/blobs';
import { connectionLostPlugin } from './plugins/connectionLost';
import { connectionStatusPlugin } from './plugins/connectionStatus';
import { executorPlugin } from './plugins/executor';
import { fileProblemPlugin } from './plugins/fileProblem';
import { historyPlugin } from './plugins/history';
import { kernelsPlugin } from './plugins/kernels';
import { kernelStarterPlugin } from './plugins/kernelStarter';
import { liveOutputsPlugin } from './plugins/liveOutputs';
import { missingKernelPlugin } from './plugins/missingKernel';
import { outagePlugin } from './plugins/outage';
import { projectsPlugin } from './plugins/projects';
import { readOnlyPlugin } from './plugins/readOnly';
import { requestsPlugin } from './plugins/requests';
import { rightsPlugin } from './plugins/rights';
import { runNotesPlugin } from './plugins/runNotes';
import { sharedKernelPlugin } from './plugins/sharedKernel';
import { trustPlugin } from './plugins/trust';
import { widgetsPlugin } from './plugins/widgets';

const plugins: (JupyterFrontEndPlugin<unknown> | ServiceManagerPlugin<unknown>)[] = [
  requestsPlugin,
  rightsPlugin,
  kernelsPlugin,
  outagePlugin,
  connectionLostPlugin,
  kernelStarterPlugin,
  executorPlugin,
  sharedKernelPlugin,
  liveOutputsPlugin,
  runNotesPlugin,
  trustPlugin,
  widgetsPlugin,
  blobsPlugin,
  readOnlyPlugin,
  connectionStatusPlugin,
  fileProblemPlugin,
  historyPlugin,
  projectsPlugin,
  missingKernelPlugin
];

export default plugins;
