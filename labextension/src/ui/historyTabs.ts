/**
 * The tabs that show histories, one beside each document at most.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { TranslationBundle } from '@jupyterlab/translation';
import { historyIcon } from '@jupyterlab/ui-components';
import type { Widget } from '@lumino/widgets';

import type { HistoryRequests } from '../services/history';
import type { IUserRights } from '../tokens';
import { HistoryPanel } from './historyPanel';

/** A widget that shows a document. */
export type IDocument = Widget & { context: DocumentRegistry.Context };

/** What the tabs need of the page. */
export interface IHistoryTabsOptions {
  shell: JupyterFrontEnd.IShell;
  requests: HistoryRequests;
  rights: IUserRights;
  /** Return the path on the server of a document's path in the page. */
  localPath: (path: string) => string;
  trans: TranslationBundle;
}

/** Opens and names the tabs; they close with their documents. */
export class HistoryTabs {
  constructor(private readonly options: IHistoryTabsOptions) {}

  /** Show the tab of a document; a new one is added beside it. */
  async show(document: IDocument): Promise<void> {
    const { rights, shell } = this.options;
    const { write } = await rights.ready;
    const known = this.open.get(document.id);
    if (known !== undefined) {
      shell.activateById(known.id);
      return;
    }
    const panel = this.make(document, write);
    this.follow(document, panel);
    shell.add(panel, 'main', { mode: 'split-right', ref: document.id });
    shell.activateById(panel.id);
    await panel.content.refresh();
  }

  private make({ id, context }: IDocument, mayRestore: boolean): MainAreaWidget<HistoryPanel> {
    const { requests, localPath, trans } = this.options;
    const pathOf = (): string => localPath(context.path);
    const content = new HistoryPanel({ requests, pathOf, mayRestore, trans });
    const panel = new MainAreaWidget({ content });
    panel.id = `cocalc-history-${id}`;
    panel.title.icon = historyIcon;
    panel.title.closable = true;
    return panel;
  }

  /** Keep the tab named after its document, and close it with the document. */
  private follow(document: IDocument, panel: MainAreaWidget<HistoryPanel>): void {
    const { context, id } = document;
    const name = (): void => {
      panel.title.label = this.options.trans.__('History of %1', PathExt.basename(context.path));
      panel.title.caption = panel.title.label;
    };
    const move = (): void => {
      name();
      void panel.content.refresh();
    };
    name();
    this.open.set(id, panel);
    context.pathChanged.connect(move);
    document.disposed.connect(() => {
      panel.dispose();
    });
    panel.disposed.connect(() => {
      context.pathChanged.disconnect(move);
      this.open.delete(id);
    });
  }

  private readonly open = new Map<string, MainAreaWidget<HistoryPanel>>();
}
