/**
 * The plugins of the extension, and nothing else.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { ServiceManagerPlugin } from '@jupyterlab/services';

import { blobsPlugin } from './plugins/blobs';
import { connectionLostPlugin } from './plugins/connectionLost';
import { connectionStatusPlugin } from './plugins/connectionStatus';
import { executorPlugin } from './plugins/executor';
import { kernelsPlugin } from './plugins/kernels';
import { missingKernelPlugin } from './plugins/missingKernel';
import { outagePlugin } from './plugins/outage';
import { readOnlyPlugin } from './plugins/readOnly';
import { requestsPlugin } from './plugins/requests';
import { resumeRunsPlugin } from './plugins/resumeRuns';
import { rightsPlugin } from './plugins/rights';
import { trustPlugin } from './plugins/trust';

const plugins: (JupyterFrontEndPlugin<unknown> | ServiceManagerPlugin<unknown>)[] = [
  requestsPlugin,
  rightsPlugin,
  kernelsPlugin,
  outagePlugin,
  connectionLostPlugin,
  executorPlugin,
  resumeRunsPlugin,
  trustPlugin,
  blobsPlugin,
  readOnlyPlugin,
  connectionStatusPlugin,
  missingKernelPlugin
];

export default plugins;
