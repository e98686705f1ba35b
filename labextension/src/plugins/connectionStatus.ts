/**
 * Tells in the status bar whether the current document is connected.
 */
import { ICollaborativeContentProvider } from '@jupyter/collaborative-drive';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';

import { connectionOf, type IOpenDocument, ReconnectWatch } from '../documents/connection';
import { translationFrom } from '../services/translation';
import { IOutage, IUserRights } from '../tokens';
import { ConnectionStatus } from '../ui/connectionStatus';

const LOOK_EVERY_MS = 500;

/** Adds the status bar item. */
export const connectionStatusPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:connection-status',
  description: 'Shows whether the current document is connected to the project server.',
  autoStart: true,
  requires: [IStatusBar, ICollaborativeContentProvider, IUserRights, IOutage],
  optional: [ITranslator],
  activate: async (
    app: JupyterFrontEnd,
    statusBar: IStatusBar,
    { providers }: ICollaborativeContentProvider,
    rights: IUserRights,
    outage: IOutage,
    translator: ITranslator | null
  ) => {
    const item = new ConnectionStatus(translationFrom(translator));
    const { write } = await rights.ready;
    statusBar.registerStatusItem('cocalc-jupyter:connection-status', {
      item,
      align: 'left',
      rank: 10,
      isActive: () => item.isActive,
      activeStateChanged: item.activeChanged
    });
    const watch = new ReconnectWatch();
    setInterval(() => {
      const document = documentOf(app.shell.currentWidget);
      const state = document === null ? 'none' : connectionOf(providers, document);
      item.setState(state, write);
      if (watch.isLost(state)) {
        void outage.report();
      }
    }, LOOK_EVERY_MS);
  }
};

/** Return the document that a widget shows. */
function documentOf(widget: Widget | null): IOpenDocument | null {
  const context = (widget as { context?: Partial<IOpenDocument> } | null)?.context;
  return context?.model ? (context as IOpenDocument) : null;
}
