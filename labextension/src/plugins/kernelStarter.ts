/**
 * Lets everything in a page start kernels in one place.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator } from '@jupyterlab/translation';

import { KernelStarter } from '../execution/kernelReadiness';
import { translationFrom } from '../services/translation';
import { IKernelStarter } from '../tokens';

/** Provides `IKernelStarter`. */
export const kernelStarterPlugin: JupyterFrontEndPlugin<IKernelStarter> = {
  id: 'cocalc-jupyter:kernel-starter',
  description: 'Starts the kernels of notebooks.',
  autoStart: true,
  optional: [ITranslator],
  provides: IKernelStarter,
  activate: (_: JupyterFrontEnd, translator: ITranslator | null) =>
    new KernelStarter(translationFrom(translator))
};
