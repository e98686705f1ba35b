/**
 * Says which kernel a notebook asks for when that kernel is not installed.
 *
 * JupyterLab only asks for another one, without a word about the one that is missing.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import type { KernelSpec } from '@jupyterlab/services';
import { ITranslator } from '@jupyterlab/translation';

import { type IKernelMetadata, missingKernelOf } from '../documents/missingKernel';
import { translationFrom } from '../services/translation';
import { followReadyNotebooks } from '../documents/openNotebooks';
import { MissingKernelNotice } from '../ui/missingKernelNotice';

/** Follows the kernel that each open notebook asks for. */
export const missingKernelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'cocalc-jupyter:missing-kernel',
  description: 'Says which kernel of a notebook is not installed.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ITranslator],
  activate: (
    { serviceManager: { kernelspecs } }: JupyterFrontEnd,
    notebooks: INotebookTracker,
    translator: ITranslator | null
  ) => {
    const trans = translationFrom(translator);
    void kernelspecs.ready.then(() => {
      followReadyNotebooks(notebooks, panel => {
        followKernel(panel, kernelspecs, new MissingKernelNotice(trans));
      });
    });
  }
};

function followKernel(
  { context, disposed }: NotebookPanel,
  kernelspecs: KernelSpec.IManager,
  notice: MissingKernelNotice
): void {
  const { sharedModel } = context.model;
  const update = (): void => {
    const installed = Object.keys(kernelspecs.specs?.kernelspecs ?? {});
    const metadata = sharedModel.getMetadata() as IKernelMetadata;
    notice.show(context.path, missingKernelOf(metadata, installed));
  };
  sharedModel.metadataChanged.connect(update);
  kernelspecs.specsChanged.connect(update);
  disposed.connect(() => {
    kernelspecs.specsChanged.disconnect(update);
    sharedModel.metadataChanged.disconnect(update);
    notice.dispose();
  });
  update();
}
