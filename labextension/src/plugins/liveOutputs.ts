/**
 * Makes a field of a question of running code, and a button of the mark of further output.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookCellExecutor, INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator } from '@jupyterlab/translation';

import { ServerCellExecutor } from '../execution/cellExecutor';
import { MORE_OUTPUT, QUESTION } from '../outputs/liveOutputs';
import { MoreOutputRenderer } from '../outputs/moreOutputRenderer';
import { type ICellPlace, placeOf } from '../outputs/places';
import { QuestionRenderer } from '../outputs/questionRenderer';
import { RequestError } from '../services/requests';
import { translationFrom } from '../services/translation';
import { IProjectRequests } from '../tokens';

/** Before the text that stands beside them. */
const RANK = -5;

/** Renders questions and marks in all documents. */
export const liveOutputsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:live-outputs',
  description: 'Lets everybody answer questions of running code and see long outputs.',
  autoStart: true,
  requires: [IRenderMimeRegistry, INotebookTracker, INotebookCellExecutor, IProjectRequests],
  optional: [ITranslator],
  activate: (
    _: JupyterFrontEnd,
    renderers: IRenderMimeRegistry,
    notebooks: INotebookTracker,
    executor: INotebookCellExecutor,
    requests: IProjectRequests,
    translator: ITranslator | null
  ) => {
    const trans = translationFrom(translator);
    const place = (node: Node): ICellPlace => {
      const found = placeOf(notebooks, node);
      if (found === null) {
        throw new RequestError(404, trans.__('this is not a cell of a shared notebook'));
      }
      return found;
    };
    const questions = {
      trans,
      answer: async (node: Node, { id }: { id: string | null }, value: string) => {
        const { roomId, cellId } = place(node);
        await requests.answerCell(roomId, cellId, value, id);
      },
      hasStarted: (node: Node) => {
        const found = placeOf(notebooks, node);
        return (
          found !== null &&
          executor instanceof ServerCellExecutor &&
          executor.hasStarted(found.cellId)
        );
      },
      fail: (message: string) => Notification.warning(message, { autoClose: 5000 })
    };
    const more = {
      trans,
      renderers,
      fetch: async (node: Node) => {
        const { roomId, cellId, isRunning } = place(node);
        return { outputs: await requests.fetchMoreOutput(roomId, cellId), isRunning };
      }
    };
    const add = (type: string, createRenderer: () => QuestionRenderer | MoreOutputRenderer) => {
      renderers.addFactory({ safe: true, mimeTypes: [type], createRenderer }, RANK);
    };
    add(QUESTION, () => new QuestionRenderer(questions));
    add(MORE_OUTPUT, () => new MoreOutputRenderer(more));
  }
};
