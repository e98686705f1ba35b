/**
 * The plugins of the extension, and nothing else.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { connectionLostPlugin } from './plugins/connectionLost';
import { connectionStatusPlugin } from './plugins/connectionStatus';
import { executorPlugin } from './plugins/executor';
import { readOnlyPlugin } from './plugins/readOnly';
import { requestsPlugin } from './plugins/requests';
import { resumeRunsPlugin } from './plugins/resumeRuns';
import { rightsPlugin } from './plugins/rights';
import { trustPlugin } from './plugins/trust';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  requestsPlugin,
  rightsPlugin,
  connectionLostPlugin,
  executorPlugin,
  resumeRunsPlugin,
  trustPlugin,
  readOnlyPlugin,
  connectionStatusPlugin
];

export default plugins;
