/**
 * Shows documents read-only to users who may not edit them.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';

import { followReadyNotebooks } from '../documents/openNotebooks';
import { makeReadOnly } from '../documents/readOnly';
import { translationFrom } from '../services/translation';
import { IUserRights } from '../tokens';

/** Locks all open notebooks and text editors when the user may not write. */
export const readOnlyPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:read-only',
  description: 'Shows documents read-only to users who may not edit them.',
  autoStart: true,
  requires: [INotebookTracker, IUserRights],
  optional: [ITranslator],
  activate: async (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    rights: IUserRights,
    translator: ITranslator | null
  ) => {
    if ((await rights.ready).write) {
      return;
    }
    const trans = translationFrom(translator);
    const message = trans.__('You may only read here; the change was taken back.');
    followReadyNotebooks(notebooks, panel => {
      makeReadOnly(panel, () => Notification.warning(message, { autoClose: 5000 }));
    });
    lockEditor(app.shell.currentWidget);
    app.shell.currentChanged?.connect((_, { newValue }) => {
      lockEditor(newValue);
    });
  }
};

/** Lock the editor of a text file; other widgets have none. */
function lockEditor(widget: Widget | null): void {
  const { content, context } = (widget ?? {}) as Partial<ITextDocument>;
  // Lab applies the editor's settings while the document is being opened.
  void context?.ready?.then(() => {
    content?.editor?.setOption?.('readOnly', true);
  });
}

/** What a text document has, and other documents may have. */
interface ITextDocument {
  context: { ready?: Promise<void> };
  content: { editor?: Partial<CodeEditor.IEditor> };
}
