/**
 * Shows above a document what keeps it from its file: a full disk, a deleted or read-only file.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

import { fileProblemOf, type IFileNews, type ISharedState, newsOf } from '../documents/fileProblem';
import { ProblemBanner } from '../ui/problemBanner';

/** The views of documents, as JupyterLab names them. */
const VIEWS = ['Notebook', 'Editor', 'Markdown Preview'];

/** How long an event may come before the document says the same. */
const SOON_MS = 2000;

/** Adds the line to every view, and tells what has happened to a file once. */
export const fileProblemPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:file-problem',
  description: 'Says above a document what is wrong with its file.',
  autoStart: true,
  activate: ({ docRegistry, serviceManager: { contents, events } }: JupyterFrontEnd) => {
    const open = new Set<DocumentRegistry.Context>();
    const createNew = (view: Widget, context: DocumentRegistry.Context): IDisposable => {
      open.add(context);
      context.disposed.connect(() => open.delete(context));
      return showProblems(view, sharedOf(context));
    };
    for (const view of VIEWS) {
      docRegistry.addWidgetExtension(view, { createNew });
    }
    const tell = ({ path, message }: IFileNews): void => {
      const shown = [...open].filter(context => contents.localPath(context.path) === path);
      if (shown.some(context => fileProblemOf(sharedOf(context)) !== message)) {
        Notification.warning(message, { autoClose: false });
      }
    };
    events.stream.connect((_, event) => {
      const news = newsOf(event);
      if (news !== null) {
        setTimeout(() => {
          tell(news);
        }, SOON_MS);
      }
    });
  }
};

/** The part of a view above the document itself. */
interface IWithHeader {
  contentHeader: { addWidget: (widget: Widget) => void };
}

/** What a shared document has. */
interface IFollowedState extends ISharedState {
  changed: ISignal<unknown, unknown>;
}

function sharedOf({ model }: DocumentRegistry.Context): IFollowedState {
  return model.sharedModel;
}

function showProblems(view: Widget, document: IFollowedState): IDisposable {
  const banner = new ProblemBanner();
  const update = (): void => {
    banner.setProblem(fileProblemOf(document));
  };
  document.changed.connect(update);
  (view as unknown as IWithHeader).contentHeader.addWidget(banner);
  update();
  return new DisposableDelegate(() => {
    document.changed.disconnect(update);
    banner.dispose();
  });
}
