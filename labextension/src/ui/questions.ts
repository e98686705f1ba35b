/**
 * Shows the questions of running code, and sends the answers.
 *
 * A question that the user puts off stays reachable as a notification; one that was answered
 * elsewhere, or whose run ended, disappears.
 */
import { type Dialog, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { type IInputRequest, RequestError } from '../services/requests';
import { createQuestionDialog } from './questionDialog';

/** Sends an answer; throws `RequestError`, status 409 when the question is answered already. */
export type AnswerInput = (runId: string, inputId: string, value: string) => Promise<void>;

interface IShown {
  inputId: string;
  dialog: Dialog<string> | null;
  reminder: string | null;
}

const ANSWERED_ELSEWHERE = 409;

/**
 * The open questions, at most one per run.
 */
export class Questions {
  constructor(
    private readonly answer: AnswerInput,
    private readonly trans: TranslationBundle
  ) {}

  /** Show the open question of a run, or remove it when there is none (any more). */
  update(runId: string, input: IInputRequest | null): void {
    const shown = this.shown.get(runId);
    if (shown && shown.inputId !== input?.input_id) {
      this.remove(runId, shown);
    }
    if (input && shown?.inputId !== input.input_id) {
      const fresh: IShown = { inputId: input.input_id, dialog: null, reminder: null };
      this.shown.set(runId, fresh);
      void this.ask(runId, input, fresh);
    }
  }

  private async ask(runId: string, input: IInputRequest, shown: IShown): Promise<void> {
    shown.dialog = createQuestionDialog(input, this.trans);
    const { button, value } = await shown.dialog.launch();
    shown.dialog = null;
    if (this.shown.get(runId) !== shown) {
      return;
    }
    if (!button.accept || !(await this.send(runId, input, value ?? ''))) {
      this.remind(runId, input, shown);
    }
  }

  /** Return whether the question needs no further answer. */
  private async send(runId: string, input: IInputRequest, value: string): Promise<boolean> {
    try {
      await this.answer(runId, input.input_id, value);
      return true;
    } catch (error) {
      if (error instanceof RequestError && error.status === ANSWERED_ELSEWHERE) {
        Notification.info(this.trans.__('The question was answered already.'), { autoClose: 5000 });
        return true;
      }
      Notification.error(this.trans.__('The answer was not sent: %1', String(error)), {
        autoClose: 5000
      });
      return false;
    }
  }

  private remind(runId: string, input: IInputRequest, shown: IShown): void {
    shown.reminder = Notification.info(this.trans.__('The running code waits: %1', input.prompt), {
      autoClose: false,
      actions: [
        {
          label: this.trans.__('Answer'),
          callback: () => {
            shown.reminder = null;
            void this.ask(runId, input, shown);
          }
        }
      ]
    });
  }

  private remove(runId: string, { dialog, reminder }: IShown): void {
    this.shown.delete(runId);
    dialog?.reject();
    if (reminder !== null) {
      Notification.dismiss(reminder);
    }
  }

  private readonly shown = new Map<string, IShown>();
}
