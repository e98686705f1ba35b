/**
 * Tells at the prompt of a cell who ran it, when, and how long that took.
 */
import type { NotebookChange } from '@jupyter/ydoc';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, type TranslationBundle } from '@jupyterlab/translation';

import { followReadyNotebooks } from '../documents/openNotebooks';
import { cellOfEntry, durationOf, entryOfCell, noteOf } from '../documents/runNotes';
import { translationFrom } from '../services/translation';

/** Follows the notes of all open notebooks. */
export const runNotesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:run-notes',
  description: 'Tells who ran a cell and when.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ITranslator],
  activate: (_: JupyterFrontEnd, notebooks: INotebookTracker, translator: ITranslator | null) => {
    const trans = translationFrom(translator);
    followReadyNotebooks(notebooks, panel => {
      follow(panel, trans);
    });
  }
};

function follow(panel: NotebookPanel, trans: TranslationBundle): void {
  const { sharedModel } = panel.context.model;
  const show = (cellId: string): void => {
    const note = noteOf(sharedModel.getState(entryOfCell(cellId)));
    const cell = panel.content.widgets.find(({ model }) => model.sharedModel.getId() === cellId);
    const prompt = cell?.node.querySelector<HTMLElement>('.jp-InputPrompt');
    if (note && prompt) {
      const when = new Date(note.start).toLocaleString();
      prompt.title = [
        note.by === '' ? trans.__('Run at %1', when) : trans.__('Run by %1 at %2', note.by, when),
        durationOf(note)
      ]
        .filter(text => text !== '')
        .join(', ');
    }
  };
  const onChange = (_: unknown, { stateChange }: NotebookChange): void => {
    for (const { name } of stateChange ?? []) {
      const cellId = cellOfEntry(name);
      if (cellId !== null) {
        show(cellId);
      }
    }
  };
  sharedModel.changed.connect(onChange);
  const showAll = (): void => {
    panel.content.widgets.forEach(({ model }) => {
      show(model.sharedModel.getId());
    });
  };
  panel.content.modelContentChanged.connect(showAll);
  panel.disposed.connect(() => {
    // Other views of the notebook may stay open.
    sharedModel.changed.disconnect(onChange);
  });
  showAll();
}
