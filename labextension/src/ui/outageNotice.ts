/**
 * Tells about an unreachable server without taking the keyboard away.
 */
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IOutageNotice } from '../services/outage';

/**
 * A single notification that stays until the server answers.
 */
export class OutageNotice implements IOutageNotice {
  constructor(
    private readonly trans: TranslationBundle,
    /** Address of the page where projects are started, when there is one. */
    private readonly projectsUrl: string | null,
    /** Address of a page that asks for a login when one is needed. */
    private readonly loginUrl: string
  ) {}

  /** Say that the server cannot be reached. */
  showUnreachable(): void {
    const message = this.trans.__(
      'The server does not answer. Trying again; edits are kept and will be sent.'
    );
    const url = this.projectsUrl;
    const actions = url === null ? [] : [action(this.trans.__('Projects'), () => open(url))];
    this.replace(Notification.warning(message, { autoClose: false, actions }));
  }

  /** Say that the server refuses this user. */
  showRefused(): void {
    const message = this.trans.__(
      'You are signed out, or not a member of this project any more. ' +
        'Edits stay in this page until you sign in in another tab.'
    );
    const actions = [action(this.trans.__('Sign in'), () => open(this.loginUrl))];
    this.replace(Notification.error(message, { autoClose: false, actions }));
  }

  /** Take back what was said. */
  hide(): void {
    this.replace(null);
  }

  private replace(id: string | null): void {
    if (this.shown !== null) {
      Notification.dismiss(this.shown);
    }
    this.shown = id;
  }

  private shown: string | null = null;
}

function action(label: string, callback: () => void): Notification.IAction {
  return { label, callback };
}
