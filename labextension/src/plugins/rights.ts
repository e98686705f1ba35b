/**
 * Provides what the user of this page may do.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import type { IRights } from '../services/requests';
import { IProjectRequests, IUserRights } from '../tokens';

/** Provides `IUserRights`. */
export const rightsPlugin: JupyterFrontEndPlugin<IUserRights> = {
  id: 'cocalc-jupyter:rights',
  description: 'Asks the server what the user may do.',
  autoStart: true,
  requires: [IProjectRequests],
  provides: IUserRights,
  activate: (_: JupyterFrontEnd, requests: IProjectRequests) => ({
    ready: fetchRights(requests)
  })
};

async function fetchRights(requests: IProjectRequests): Promise<IRights> {
  try {
    return await requests.fetchRights();
  } catch (error) {
    console.warn(
      'The rights in this project are unknown; the server will refuse what is not allowed.',
      error
    );
    return { write: true, execute: true };
  }
}
