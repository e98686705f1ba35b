/**
 * The notebooks that a page shows, now and later.
 */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

/** Call `follow` for every notebook that is open, and for every one as soon as it is opened. */
export function followNotebooks(
  notebooks: INotebookTracker,
  follow: (panel: NotebookPanel) => void
): void {
  notebooks.forEach(follow);
  notebooks.widgetAdded.connect((_, panel) => {
    follow(panel);
  });
}

/** The same, once the notebook's content is there; one that is closed before is left out. */
export function followReadyNotebooks(
  notebooks: INotebookTracker,
  follow: (panel: NotebookPanel) => void
): void {
  followNotebooks(notebooks, panel => {
    void panel.context.ready.then(() => {
      if (!panel.isDisposed) {
        follow(panel);
      }
    });
  });
}
