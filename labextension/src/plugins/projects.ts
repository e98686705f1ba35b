/**
 * Leads back from a project to the list of all projects.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';

import { projectsUrl } from '../services/projectsUrl';
import { translationFrom } from '../services/translation';

const COMMAND = 'cocalc-projects:open';

/** Adds the command; the menu names it in the plugin's schema. */
export const projectsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:projects',
  description: 'Opens the list of projects.',
  autoStart: true,
  optional: [ICommandPalette, ITranslator],
  activate: (
    { commands }: JupyterFrontEnd,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = translationFrom(translator);
    const url = projectsUrl();
    commands.addCommand(COMMAND, {
      label: trans.__('Projects'),
      caption: trans.__('Open the list of your projects in a new browser tab'),
      isVisible: () => url !== null,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => {
        if (url !== null) {
          window.open(url, '_blank', 'noopener');
        }
      }
    });
    if (url !== null) {
      palette?.addItem({ command: COMMAND, category: trans.__('Project') });
    }
  }
};
