/**
 * Watches over the connection to the server for everything that notices its loss.
 */
import { JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { ITranslator } from '@jupyterlab/translation';

import { Outage } from '../services/outage';
import { projectsUrl } from '../services/projectsUrl';
import { signInAgain } from '../services/signIn';
import { translationFrom } from '../services/translation';
import { IOutage, IProjectRequests } from '../tokens';
import { OutageNotice } from '../ui/outageNotice';
import { preloadToasts } from '../ui/toasts';

/** Provides `IOutage`. */
export const outagePlugin: JupyterFrontEndPlugin<IOutage> = {
  id: 'cocalc-jupyter:outage',
  description: 'Tells about a lost server without a dialog, and signs in again.',
  autoStart: true,
  requires: [IProjectRequests, JupyterFrontEnd.IPaths],
  optional: [ITranslator],
  provides: IOutage,
  activate: (
    { restored, serviceManager: { kernels, sessions } }: JupyterFrontEnd,
    requests: IProjectRequests,
    paths: JupyterFrontEnd.IPaths,
    translator: ITranslator | null
  ) => {
    const trans = translationFrom(translator);
    const page = URLExt.join(paths.urls.base, 'lab');
    void restored.then(preloadToasts);
    return new Outage({
      probe: () => requests.fetchRights(),
      signIn: () => signInAgain(page, (url, init) => fetch(url, init)),
      // Kernels of a server that was restarted are gone; who waits for them must know.
      recovered: () => Promise.allSettled([kernels.refreshRunning(), sessions.refreshRunning()]),
      sleep,
      notice: new OutageNotice(trans, projectsUrl(), page)
    });
  }
};

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
