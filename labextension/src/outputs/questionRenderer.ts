/**
 * Shows a question of running code, with a field for the answer as long as it waits.
 */
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { messageOf } from '../services/messageOf';
import { RequestError } from '../services/requests';
import { dialogueOf, type IQuestion, QUESTION, questionOf } from './liveOutputs';

/** What a question needs of the page. */
export interface IQuestionPage {
  trans: TranslationBundle;
  /** Send the answer to the question that an element shows; throws `RequestError`. */
  answer: (node: Node, question: IQuestion, value: string) => Promise<void>;
  /** Whether this page has started the cell that shows an element. */
  hasStarted: (node: Node) => boolean;
  /** Tell the person at this page that an answer was not sent. */
  fail: (message: string) => void;
}

const ANSWERED_ELSEWHERE = 409;

/**
 * The widget of one question; the document says when it was answered, here or elsewhere.
 */
export class QuestionRenderer extends Widget implements IRenderMime.IRenderer {
  constructor(private readonly page: IQuestionPage) {
    super();
    this.addClass('cc-Question');
  }

  /** Show the question as it is now. */
  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const question = questionOf(model.data[QUESTION]);
    if (question.value === null) {
      this.ask(question);
    } else {
      this.node.textContent = dialogueOf(question);
    }
    return Promise.resolve();
  }

  private ask(question: IQuestion): void {
    const field = document.createElement('input');
    field.type = question.password ? 'password' : 'text';
    field.className = 'jp-mod-styled';
    field.autocomplete = 'off';
    field.dataset['lmSuppressShortcuts'] = 'true';
    field.addEventListener('keydown', event => {
      if (event.key === 'Enter' && !event.isComposing) {
        event.preventDefault();
        void this.send(question, field);
      }
    });
    const label = document.createElement('label');
    label.append(question.prompt, field);
    this.node.replaceChildren(label);
    // The node is put into the page after this turn.
    requestAnimationFrame(() => {
      if (this.page.hasStarted(this.node)) {
        field.focus();
      }
    });
  }

  private async send(question: IQuestion, field: HTMLInputElement): Promise<void> {
    const { trans, fail } = this.page;
    // A disabled field would leave the keyboard to nothing.
    this.node.closest<HTMLElement>('.jp-Cell')?.focus();
    field.disabled = true;
    try {
      await this.page.answer(this.node, question, field.value);
    } catch (error) {
      field.disabled = false;
      field.focus();
      if (error instanceof RequestError && error.status === ANSWERED_ELSEWHERE) {
        fail(trans.__('The question was answered already.'));
      } else {
        fail(trans.__('The answer was not sent: %1', messageOf(error)));
      }
    }
  }
}
