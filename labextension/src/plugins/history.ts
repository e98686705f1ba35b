/**
 * Shows the history of the current document beside it.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import { historyIcon } from '@jupyterlab/ui-components';
import type { Widget } from '@lumino/widgets';

import { HistoryRequests } from '../services/history';
import { translationFrom } from '../services/translation';
import { IProjectRequests, IUserRights } from '../tokens';
import { HistoryTabs, type IDocument } from '../ui/historyTabs';

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
    const trans = translationFrom(translator);
    const tabs = new HistoryTabs({
      shell,
      requests: new HistoryRequests(send),
      rights,
      localPath: path => serviceManager.contents.localPath(path),
      trans
    });
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
          await tabs.show(document);
        }
      }
    });
    palette?.addItem({ command: COMMAND, category: trans.__('File Operations') });
    shell.currentChanged?.connect(() => {
      commands.notifyCommandChanged(COMMAND);
    });
  }
};

/** Return the widget if it shows a document of a file. */
function documentOf(widget: Widget | null): IDocument | null {
  const { context } = (widget ?? {}) as Partial<IDocument>;
  return context?.pathChanged === undefined ? null : (widget as IDocument);
}
