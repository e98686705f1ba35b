/**
 * Shows the history of the current document beside it.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { historyIcon } from '@jupyterlab/ui-components';
import type { Widget } from '@lumino/widgets';

import { HistoryRequests } from '../services/history';
import { IProjectRequests, IUserRights } from '../tokens';
import { HistoryPanel } from '../ui/historyPanel';

const COMMAND = 'cocalc-history:open';

/** Adds the command; menus and toolbars name it in the plugin's schema. */
export const historyPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:history',
  description: 'Shows the versions of a document, compares and restores them.',
  autoStart: true,
  requires: [IProjectRequests, IUserRights],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    { send }: IProjectRequests,
    rights: IUserRights,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const { commands, serviceManager, shell } = app;
    const trans = (translator ?? nullTranslator).load('cocalc_jupyter');
    const requests = new HistoryRequests(send);
    const open = new Map<string, MainAreaWidget<HistoryPanel>>();

    const show = async (document: IDocument): Promise<void> => {
      const known = open.get(document.id);
      if (known !== undefined) {
        shell.activateById(known.id);
        return;
      }
      const { context } = document;
      const { write } = await rights.ready;
      const content = new HistoryPanel({
        requests,
        pathOf: () => serviceManager.contents.localPath(context.path),
        mayRestore: write,
        trans
      });
      const panel = new MainAreaWidget({ content });
      const name = (): void => {
        panel.title.label = trans.__('History of %1', PathExt.basename(context.path));
        panel.title.caption = panel.title.label;
      };
      const move = (): void => {
        name();
        void content.refresh();
      };
      name();
      panel.id = `cocalc-history-${document.id}`;
      panel.title.icon = historyIcon;
      panel.title.closable = true;
      context.pathChanged.connect(move);
      document.disposed.connect(() => {
        panel.dispose();
      });
      panel.disposed.connect(() => {
        context.pathChanged.disconnect(move);
        open.delete(document.id);
      });
      open.set(document.id, panel);
      shell.add(panel, 'main', { mode: 'split-right', ref: document.id });
      shell.activateById(panel.id);
      await content.refresh();
    };

    const current = (): IDocument | null => documentOf(shell.currentWidget);
    commands.addCommand(COMMAND, {
      label: trans.__('Show History'),
      caption: trans.__('Show the versions of this document, compare and restore them'),
      icon: historyIcon,
      isEnabled: () => current() !== null,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: async () => {
        const document = current();
        if (document !== null) {
          await show(document);
        }
      }
    });
    palette?.addItem({ command: COMMAND, category: trans.__('File Operations') });
    shell.currentChanged?.connect(() => {
      commands.notifyCommandChanged(COMMAND);
    });
  }
};

/** A widget that shows a document. */
type IDocument = Widget & { context: DocumentRegistry.Context };

/** Return the widget if it shows a document of a file. */
function documentOf(widget: Widget | null): IDocument | null {
  const { context } = (widget ?? {}) as Partial<IDocument>;
  return context?.pathChanged === undefined ? null : (widget as IDocument);
}
