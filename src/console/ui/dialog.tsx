import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { t } from '../text/index.ts';
import { Button } from './button.tsx';
import { FaultSummary, useWork } from './form.tsx';
import { say } from './toast.tsx';

interface DialogProps {
  readonly title: string;
  readonly wide?: boolean;
  /** Work is under way: it stays until its answer is there, which somebody has to see. */
  readonly busy?: boolean;
  /** Absent: it cannot be closed, only gone through. */
  readonly onClose?: () => void;
  readonly children: ComponentChildren;
}

/** The browser's own dialog: it keeps the focus inside, closes with Escape and gives the focus back. */
export function Dialog({ title, wide = false, busy = false, onClose, children }: DialogProps) {
  const close = busy ? undefined : onClose;
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Not useEffect: what that returns is called once the dialog is out of the page, and a dialog that is gone gives no focus back.
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      class={wide ? 'dialog dialog-wide' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        close?.();
      }}
      onClose={() => {
        // A browser closes it at the second Escape, whatever was prevented.
        if (close === undefined) element.current?.showModal();
        else if (element.current !== null) close();
      }}
    >
      <h2 id={id} class="break">
        {title}
      </h2>
      {children}
    </dialog>
  );
}

/** Below a form in a dialog. */
export function DialogActions({ submit, busy, onClose }: { submit: string; busy: boolean; onClose: () => void }) {
  return (
    <div class="dialog-actions">
      <Button label={t('action.cancel')} busy={busy} onClick={onClose} />
      <Button label={submit} kind="primary" type="submit" busy={busy} />
    </div>
  );
}

interface ConfirmProps {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly work: () => Promise<unknown>;
  /** Said once it is done. */
  readonly said?: string;
  /** Default: as when it is closed. */
  readonly onDone?: () => void;
  readonly onClose: () => void;
}

/** Asks before something goes that does not come back. */
export function Confirm({ title, text, action, work, said, onClose, onDone = onClose }: ConfirmProps) {
  const { busy, faults, run } = useWork();
  const confirm = async () => {
    if (!(await run(work))) return;
    onDone();
    if (said !== undefined) say(said);
  };
  return (
    <Dialog title={title} busy={busy} onClose={onClose}>
      <div class="stack">
        <p>{text}</p>
        <FaultSummary faults={faults} />
      </div>
      <div class="dialog-actions">
        <Button label={t('action.cancel')} busy={busy} onClick={onClose} />
        <Button label={action} kind="danger" busy={busy} onClick={() => void confirm()} />
      </div>
    </Dialog>
  );
}
