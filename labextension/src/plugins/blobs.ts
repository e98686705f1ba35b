/**
 * Shows large outputs, which are kept on the server and not in the document.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ServerConnection } from '@jupyterlab/services';
import { ITranslator } from '@jupyterlab/translation';

import { BlobRenderer, type IBlobPage } from '../outputs/blobRenderer';
import { PLACEHOLDER } from '../outputs/blobs';
import { translationFrom } from '../services/translation';

/** Before all representations that may stand beside a placeholder, after live widgets. */
const RANK = -5;

/** Renders placeholders in all documents. */
export const blobsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:blobs',
  description: 'Shows large outputs, which are kept on the server.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    renderers: IRenderMimeRegistry,
    translator: ITranslator | null
  ) => {
    const { serverSettings } = app.serviceManager;
    const page: IBlobPage = {
      baseUrl: serverSettings.baseUrl,
      renderers,
      trans: translationFrom(translator),
      fetch: (path, init) =>
        ServerConnection.makeRequest(
          URLExt.join(serverSettings.baseUrl, path),
          init,
          serverSettings
        )
    };
    renderers.addFactory(
      {
        safe: true, // untrusted content goes to renderers that are safe themselves
        mimeTypes: [PLACEHOLDER],
        createRenderer: options => new BlobRenderer(page, options)
      },
      RANK
    );
  }
};
