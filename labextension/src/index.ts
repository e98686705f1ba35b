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
import { liveOutputsPlugin } from './plugins/liveOutputs';
import { missingKernelPlugin } from './plugins/missingKernel';
import { outagePlugin } from './plugins/outage';
import { readOnlyPlugin } from './plugins/readOnly';
import { requestsPlugin } from './plugins/requests';
import { rightsPlugin } from './plugins/rights';
import { runNotesPlugin } from './plugins/runNotes';
import { trustPlugin } from './plugins/trust';
import { widgetsPlugin } from './plugins/widgets';

const plugins: (JupyterFrontEndPlugin<unknown> | ServiceManagerPlugin<unknown>)[] = [
  requestsPlugin,
  rightsPlugin,
  kernelsPlugin,
  outagePlugin,
  connectionLostPlugin,
  executorPlugin,
  liveOutputsPlugin,
  runNotesPlugin,
  trustPlugin,
  widgetsPlugin,
  blobsPlugin,
  readOnlyPlugin,
  connectionStatusPlugin,
  fileProblemPlugin,
  historyPlugin,
  missingKernelPlugin
];

export default plugins;
