/**
 * Says that a cell printed more than its notebook holds, and shows it on demand.
 */
import type { IOutput } from '@jupyterlab/nbformat';
import { OutputArea, OutputAreaModel } from '@jupyterlab/outputarea';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Panel, Widget } from '@lumino/widgets';

/** What the mark needs of the page. */
export interface IMoreOutputPage {
  trans: TranslationBundle;
  renderers: IRenderMimeRegistry;
  /** Ask for what the cell that shows an element has beyond its notebook; throws `RequestError`. */
  fetch: (node: Node) => Promise<IOutput[]>;
}

/**
 * The widget of one mark; what it has fetched is shown in this page alone.
 */
export class MoreOutputRenderer extends Panel implements IRenderMime.IRenderer {
  constructor(private readonly page: IMoreOutputPage) {
    super();
    this.addClass('cc-MoreOutput');
  }

  /** Show the button; what was fetched before goes, since the cell has run again. */
  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.trusted = model.trusted;
    this.shown?.dispose();
    this.shown = null;
    this.offer(this.page.trans.__('Show more output'));
    return Promise.resolve();
  }

  private offer(text: string): void {
    this.button?.dispose();
    const node = document.createElement('button');
    node.className = 'jp-mod-styled jp-mod-minimal';
    node.textContent = text;
    node.addEventListener('click', () => {
      void this.reveal(node);
    });
    this.button = new Widget({ node });
    this.addWidget(this.button);
  }

  private async reveal(button: HTMLButtonElement): Promise<void> {
    const { trans, renderers } = this.page;
    button.disabled = true;
    try {
      const values = await this.page.fetch(this.node);
      if (this.isDisposed) {
        return;
      }
      this.shown?.dispose();
      this.shown = new OutputArea({
        model: new OutputAreaModel({ values, trusted: this.trusted }),
        rendermime: renderers
      });
      this.insertWidget(0, this.shown);
      // The cell may go on printing.
      this.offer(
        values.length > 0
          ? trans.__('Show more output again')
          : trans.__('The rest of the output is gone. Run the cell again to see it.')
      );
    } catch (error) {
      this.offer(trans.__('The output cannot be had: %1. Try again', String(error)));
    }
  }

  private trusted = false;
  private shown: OutputArea | null = null;
  private button: Widget | null = null;
}
