/**
 * Replaces the stock kernel manager by one whose requests survive a server that was restarted.
 */
import {
  IConnectionStatus,
  IKernelManager,
  IServerSettings,
  type Kernel,
  KernelManager,
  type ServerConnection,
  type ServiceManagerPlugin
} from '@jupyterlab/services';

import { PatientKernelRequests } from '../services/kernelRequests';

/** Provides `IKernelManager`, with the stock options otherwise. */
export const kernelsPlugin: ServiceManagerPlugin<Kernel.IManager> = {
  id: 'cocalc-jupyter:kernels',
  description: 'Does not take being signed out for the death of a kernel.',
  autoStart: true,
  requires: [IServerSettings],
  optional: [IConnectionStatus],
  provides: IKernelManager,
  activate: (
    _: null,
    serverSettings: ServerConnection.ISettings,
    connection: IConnectionStatus | null
  ) =>
    new KernelManager({
      serverSettings,
      kernelAPIClient: new PatientKernelRequests({ serverSettings }),
      standby: () => !(connection?.isConnected ?? true) || 'when-hidden'
    })
};
