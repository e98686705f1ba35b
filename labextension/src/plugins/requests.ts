/**
 * Provides authenticated requests to the project server.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { ProjectRequests } from '../services/requests';
import { IProjectRequests } from '../tokens';

/** Provides `IProjectRequests`. */
export const requestsPlugin: JupyterFrontEndPlugin<IProjectRequests> = {
  id: 'cocalc-jupyter:requests',
  description: "Requests to the project server's own interface.",
  autoStart: true,
  provides: IProjectRequests,
  activate: (app: JupyterFrontEnd) => {
    const { serverSettings } = app.serviceManager;
    return new ProjectRequests((path, init) =>
      ServerConnection.makeRequest(URLExt.join(serverSettings.baseUrl, path), init, serverSettings)
    );
  }
};
