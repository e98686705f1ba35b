/**
 * Tells that a notebook's kernel is not installed.
 */
import { Notification } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';

/**
 * One notebook's notification; it stays until another kernel is chosen or it is dismissed.
 */
export class MissingKernelNotice {
  constructor(private readonly trans: TranslationBundle) {}

  /** Say that a kernel is missing, or take it back when none is. */
  show(path: string, kernel: string | null): void {
    if (kernel !== this.kernel) {
      this.dispose();
      this.kernel = kernel;
      this.id = kernel === null ? null : this.tell(PathExt.basename(path), kernel);
    }
  }

  /** Take back what was said; idempotent. */
  dispose(): void {
    if (this.id !== null) {
      Notification.dismiss(this.id);
    }
    this.id = this.kernel = null;
  }

  private tell(name: string, kernel: string): string {
    // JupyterLab cuts notifications at 140 characters.
    const message = this.trans.__(
      'The kernel %1 of %2 is not installed here. To run cells, select another one at the upper right.',
      kernel,
      name
    );
    return Notification.warning(message, { autoClose: false });
  }

  private kernel: string | null = null;
  private id: string | null = null;
}
