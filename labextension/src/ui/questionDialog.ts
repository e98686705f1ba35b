/**
 * The dialog that shows a question of the running code.
 */
import { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { IInputRequest } from '../services/requests';

/** A dialog that yields the typed text, or `null` when it was dismissed. */
export function createQuestionDialog(
  { prompt, password }: IInputRequest,
  trans: TranslationBundle
): Dialog<string> {
  return new Dialog<string>({
    title: trans.__('The running code asks'),
    body: new AnswerField(prompt, password),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Later') }),
      Dialog.okButton({ label: trans.__('Answer') })
    ],
    focusNodeSelector: 'input'
  });
}

class AnswerField extends Widget implements Dialog.IBodyWidget {
  constructor(prompt: string, password: boolean) {
    const field = document.createElement('input');
    super({ node: createLabel(prompt, field) });
    field.className = 'jp-mod-styled';
    field.type = password ? 'password' : 'text';
    field.autocomplete = 'off';
    this.field = field;
  }

  getValue(): string {
    return this.field.value;
  }

  private readonly field: HTMLInputElement;
}

function createLabel(prompt: string, field: HTMLInputElement): HTMLElement {
  const label = document.createElement('label');
  label.className = 'cc-Question';
  const text = document.createElement('span');
  text.textContent = prompt;
  label.append(text, field);
  return label;
}
