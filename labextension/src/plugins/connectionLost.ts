/**
 * Replaces JupyterLab's modal dialogs about a lost server.
 *
 * The stock ones take the keyboard away although everything repairs itself; the one for hubs offers
 * to start a server of the person instead of the project's.
 */
import {
  IConnectionLost,
  JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Outage } from '../services/outage';
import { signInAgain } from '../services/signIn';
import { IProjectRequests } from '../tokens';
import { OutageNotice } from '../ui/outageNotice';

/** Provides `IConnectionLost`. */
export const connectionLostPlugin: JupyterFrontEndPlugin<IConnectionLost> = {
  id: 'cocalc-jupyter:connection-lost',
  description: 'Tells about a lost server without a dialog.',
  autoStart: true,
  requires: [IProjectRequests, JupyterFrontEnd.IPaths],
  optional: [ITranslator],
  provides: IConnectionLost,
  activate: (
    _: JupyterFrontEnd,
    requests: IProjectRequests,
    paths: JupyterFrontEnd.IPaths,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('cocalc_jupyter');
    const page = URLExt.join(paths.urls.base, 'lab');
    const notice = new OutageNotice(trans, projectsUrlOf(paths), page);
    const signIn = () => signInAgain(page, (url, init) => fetch(url, init));
    const outage = new Outage(() => requests.fetchRights(), signIn, sleep, notice);
    return () => outage.report();
  }
};

/** Return the address of the hub's projects page, or `null` without a hub. */
function projectsUrlOf({ urls }: JupyterFrontEnd.IPaths): string | null {
  const { hubHost = '', hubPrefix } = urls;
  return hubPrefix ? hubHost + URLExt.join(hubPrefix, '..', 'services', 'cocalc', '/') : null;
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
