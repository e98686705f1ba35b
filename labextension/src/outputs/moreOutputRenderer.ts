/**
 * Says that a cell printed more than its notebook holds, and shows it on demand.
 */
import type { IOutput } from '@jupyterlab/nbformat';
import { OutputArea, OutputAreaModel } from '@jupyterlab/outputarea';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Panel, Widget } from '@lumino/widgets';

import { messageOf } from '../services/messageOf';

/** What a cell has beyond its notebook. */
export interface IMoreOutput {
  outputs: IOutput[];
  /** Whether the cell may have printed on since. */
  isRunning: boolean;
}

/** What the mark needs of the page. */
export interface IMoreOutputPage {
  trans: TranslationBundle;
  renderers: IRenderMimeRegistry;
  /** Ask for what the cell that shows an element has beyond its notebook; throws `RequestError`. */
  fetch: (node: Node) => Promise<IMoreOutput>;
}

/**
 * The widget of one mark; what it has fetched is shown in this page alone.
 */
export class MoreOutputRenderer extends Panel implements IRenderMime.IRenderer {
  constructor(private readonly page: IMoreOutputPage) {
    super();
    this.addClass('cc-MoreOutput');
    this.button.type = 'button';
    this.button.classList.add('jp-mod-styled', 'jp-mod-minimal');
    this.button.addEventListener('click', () => void this.reveal());
    this.note.addClass('cc-MoreOutput-note');
    this.note.node.setAttribute('role', 'status');
    this.addWidget(this.offered);
    this.addWidget(this.note);
  }

  /** Show the button; what was fetched before goes, since the cell has run again. */
  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.trusted = model.trusted;
    this.display([]);
    this.offer(this.page.trans.__('Show more output'));
    return Promise.resolve();
  }

  private async reveal(): Promise<void> {
    const { trans } = this.page;
    if (this.isAsking) {
      return;
    }
    this.isAsking = true; // not disabled, which would take the focus away
    try {
      const { outputs, isRunning } = await this.page.fetch(this.node);
      if (this.isDisposed) {
        return;
      }
      if (outputs.length === 0) {
        this.conclude(trans.__('The rest of the output is gone. Run the cell again to see it.'));
        return;
      }
      this.display(outputs);
      if (isRunning) {
        this.offer(trans.__('Show newer output'));
      } else {
        this.conclude('');
      }
    } catch (error) {
      this.offer(trans.__('Try again'), trans.__('The output cannot be had: %1', messageOf(error)));
    } finally {
      this.isAsking = false;
    }
  }

  private display(values: IOutput[]): void {
    this.shown?.dispose();
    this.shown = null;
    if (values.length > 0) {
      const model = new OutputAreaModel({ values, trusted: this.trusted });
      this.shown = new OutputArea({ model, rendermime: this.page.renderers });
      this.insertWidget(0, this.shown);
    }
  }

  private offer(label: string, problem = ''): void {
    this.button.textContent = label;
    this.offered.show();
    this.note.node.textContent = problem;
  }

  private conclude(words: string): void {
    this.offered.hide();
    this.note.node.textContent = words;
  }

  private readonly button = document.createElement('button');
  private readonly offered = new Widget({ node: this.button });
  private readonly note = new Widget();
  private trusted = false;
  private isAsking = false;
  private shown: OutputArea | null = null;
}
