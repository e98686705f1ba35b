/**
 * Replaces JupyterLab's modal dialogs about a lost server.
 *
 * The stock ones take the keyboard away although everything repairs itself; the one for hubs offers
 * to start a server of the person instead of the project's.
 */
import {
  IConnectionLost,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';

import { IOutage } from '../tokens';

/** Provides `IConnectionLost`. */
export const connectionLostPlugin: JupyterFrontEndPlugin<IConnectionLost> = {
  id: 'cocalc-jupyter:connection-lost',
  description: 'Reports a lost server that JupyterLab itself notices.',
  autoStart: true,
  requires: [IOutage],
  provides: IConnectionLost,
  activate: (_: JupyterFrontEnd, outage: IOutage) => () => outage.report()
};
