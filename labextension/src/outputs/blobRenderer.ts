/**
 * Shows an output that is kept on the server.
 *
 * An image is an `<img>` with its address, so the browser fetches, decodes and keeps it. Everything
 * else is fetched and given to the page's own renderer of the type, which treats trust as always.
 */
import { URLExt } from '@jupyterlab/coreutils';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { PartialJSONObject } from '@lumino/coreutils';
import { Panel } from '@lumino/widgets';

import { messageOf } from '../services/messageOf';
import {
  chooseRepresentation,
  dataOfOutput,
  imageLook,
  isImage,
  isText,
  PLACEHOLDER,
  wholeOutputPath,
  type IKnownRenderer,
  type IRepresentation
} from './blobs';

/** Asks the server for an address below its base URL, as the person at this page. */
export type Fetch = (path: string, init: RequestInit) => Promise<Response>;

/** What all renderers of a page share. */
export interface IBlobPage {
  baseUrl: string;
  fetch: Fetch;
  renderers: IRenderMimeRegistry;
  trans: TranslationBundle;
}

/**
 * The widget of one output.
 */
export class BlobRenderer extends Panel implements IRenderMime.IRenderer {
  constructor(
    private readonly page: IBlobPage,
    private readonly options: IRenderMime.IRendererOptions
  ) {
    super();
    this.addClass('cc-Blob');
  }

  /** Show a model. An image is there when the browser has it, all else when this resolves. */
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const path = wholeOutputPath(model.data);
    const chosen = path === null ? this.choose(model) : null;
    const shown = JSON.stringify([path ?? chosen, model.trusted, model.metadata]);
    if (shown === this.shown && (path ?? chosen?.path ?? null) !== null) {
      return; // what an address stands for never changes
    }
    this.clear();
    this.shown = shown;
    if (path !== null) {
      await this.showWhole(path, model);
    } else {
      await this.showChosen(chosen, model);
    }
  }

  private choose(model: IRenderMime.IMimeModel): IRepresentation | null {
    return chooseRepresentation(model.data, known(this.page.renderers), model.trusted);
  }

  private async showChosen(
    chosen: IRepresentation | null,
    model: IRenderMime.IMimeModel
  ): Promise<void> {
    if (chosen === null) {
      this.explain(this.page.trans.__('There is nothing here that this page can show.'));
    } else if (chosen.path !== null && isImage(chosen.mimeType)) {
      this.showImage(chosen.path, chosen.mimeType, model);
    } else {
      await this.showOther(chosen, model);
    }
  }

  /** Fetch an output that is kept as a whole, and show it as if it were in the document. */
  private async showWhole(path: string, model: IRenderMime.IMimeModel): Promise<void> {
    const content = await this.fetch(path);
    if (content === null) {
      return;
    }
    let output: PartialJSONObject;
    try {
      output = JSON.parse(await content.text()) as PartialJSONObject;
    } catch (error) {
      this.explain(this.page.trans.__('This output cannot be read: %1', messageOf(error)));
      return;
    }
    const data = dataOfOutput(output, model.data[PLACEHOLDER]);
    const metadata = (output['metadata'] ?? {}) as PartialJSONObject;
    const { trusted } = model;
    const whole = { data, metadata, trusted, setData: model.setData.bind(model) };
    await this.showChosen(this.choose(whole), whole);
  }

  /** Stop fetching, and give back what was fetched. */
  override dispose(): void {
    if (!this.isDisposed) {
      this.clear();
      super.dispose();
    }
  }

  private clear(): void {
    this.fetching.abort();
    this.fetching = new AbortController();
    this.inner?.dispose();
    this.inner = null;
    if (this.objectUrl !== null) {
      URL.revokeObjectURL(this.objectUrl);
      this.objectUrl = null;
    }
    this.node.replaceChildren();
    this.removeClass('jp-RenderedImage');
  }

  private showImage(path: string, mimeType: string, model: IRenderMime.IMimeModel): void {
    const look = imageLook(model.metadata, mimeType);
    const image = document.createElement('img');
    if (look.width !== undefined) {
      image.width = look.width;
    }
    if (look.height !== undefined) {
      image.height = look.height;
    }
    image.classList.toggle('jp-mod-unconfined', look.unconfined);
    if (look.background !== undefined) {
      image.classList.add(`jp-needs-${look.background}-background`);
    }
    const text = model.data['text/plain'];
    image.alt = typeof text === 'string' ? text : '';
    image.addEventListener('error', () => void this.fetchImage(image, path), { once: true });
    image.src = URLExt.join(this.page.baseUrl, path);
    this.addClass('jp-RenderedImage');
    this.node.append(image);
  }

  /** Fetch what could not be loaded by its address: a page may have a token and no cookie. */
  private async fetchImage(image: HTMLImageElement, path: string): Promise<void> {
    const content = await this.fetch(path);
    if (content !== null && image.isConnected) {
      this.objectUrl = URL.createObjectURL(content);
      image.src = this.objectUrl;
    }
  }

  private async showOther(chosen: IRepresentation, model: IRenderMime.IMimeModel): Promise<void> {
    const { mimeType, path } = chosen;
    let data = model.data;
    if (path !== null) {
      const content = await this.fetch(path);
      if (content === null) {
        return;
      }
      const value = isText(mimeType) ? await content.text() : await asBase64(content);
      data = { ...data, [mimeType]: value };
    }
    const factory = this.page.renderers.getFactory(mimeType);
    if (this.isDisposed || factory === undefined) {
      return;
    }
    const inner = factory.createRenderer({ ...this.options, mimeType });
    this.inner = inner;
    this.addWidget(inner); // before it renders: that of PDF waits until it is in the page
    await inner.renderModel({
      data,
      metadata: model.metadata,
      trusted: model.trusted,
      setData: options => {
        model.setData(options);
      }
    });
  }

  /** Fetch an address; null when that was given up, or failed and this was said. */
  private async fetch(path: string): Promise<Blob | null> {
    const { signal } = this.fetching;
    try {
      const response = await this.page.fetch(path, { signal });
      if (response.ok) {
        return await response.blob();
      }
      const reason = await response.text();
      this.explain(reason || this.page.trans.__('The server answered %1.', response.status));
    } catch (error) {
      if (!signal.aborted) {
        this.explain(this.page.trans.__('This output cannot be loaded: %1', messageOf(error)));
      }
    }
    return null;
  }

  private explain(text: string): void {
    // What comes later is not taken for what is shown, so the next rendering tries again.
    this.shown = '';
    if (this.isDisposed) {
      return;
    }
    const note = document.createElement('div');
    note.className = 'cc-Blob-note';
    note.textContent = text;
    this.node.replaceChildren(note);
  }

  private fetching = new AbortController();
  private inner: IRenderMime.IRenderer | null = null;
  private objectUrl: string | null = null;
  private shown = '';
}

function* known(registry: IRenderMimeRegistry): Generator<IKnownRenderer> {
  for (const mimeType of registry.mimeTypes) {
    yield { mimeType, safe: registry.getFactory(mimeType)?.safe ?? false };
  }
}

async function asBase64(content: Blob): Promise<string> {
  const reader = new FileReader();
  const loaded = new Promise<string>((resolve, reject) => {
    reader.onload = () => {
      resolve(reader.result as string);
    };
    reader.onerror = () => {
      reject(reader.error ?? new Error('the content cannot be read'));
    };
  });
  reader.readAsDataURL(content);
  const url = await loaded;
  return url.slice(url.indexOf(',') + 1);
}
