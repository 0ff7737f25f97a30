import { useState } from 'preact/hooks';
import { strongPassword } from '../client/strong-password.ts';
import { useLeaveGuard } from '../router.tsx';
import { t } from '../text/index.ts';
import { Button } from './button.tsx';
import { Dialog } from './dialog.tsx';
import { TextField, type TextFieldProps } from './form.tsx';

/** A password that is given to somebody: typed, or a strong one that is proposed, which is shown as long as it stands there. */
export function NewPasswordField(props: Omit<TextFieldProps, 'type' | 'autocomplete' | 'mono'>) {
  const [proposed, setProposed] = useState('');
  const isProposed = proposed !== '' && proposed === props.value;
  const propose = () => {
    const password = strongPassword();
    setProposed(password);
    props.onInput(password);
  };
  return (
    <div class="stack-small">
      <TextField
        {...props}
        help={isProposed ? t('password.shown') : props.help}
        type={isProposed ? 'text' : 'password'}
        autocomplete="new-password"
        mono={isProposed}
      />
      {props.disabled === true ? null : (
        <div class="row">
          <Button label={t('password.propose')} small onClick={propose} />
          {isProposed ? <CopyButton text={proposed} small /> : null}
        </div>
      )}
    </div>
  );
}

/** Puts a text into the clipboard, which a browser opens to pages over HTTPS or of this machine alone. */
export function CopyButton({ text, small = false }: { readonly text: string; readonly small?: boolean }) {
  const [copied, setCopied] = useState<string>();
  if (!('clipboard' in navigator)) return null;
  return (
    <Button
      label={copied === text ? t('action.copied') : t('action.copy')}
      small={small}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(text))}
    />
  );
}

interface ShownSecretProps {
  readonly title: string;
  readonly text: string;
  readonly secret: string;
  readonly onClose: () => void;
}

/** Shows what nobody can show again; a step back asks first. */
export function ShownSecret({ title, text, secret, onClose }: ShownSecretProps) {
  useLeaveGuard(true, t('secret.leave'));
  return (
    <Dialog title={title}>
      <div class="stack">
        <p>{text}</p>
        <p class="secret">{secret}</p>
      </div>
      <div class="dialog-actions">
        <CopyButton text={secret} />
        <Button label={t('secret.kept')} kind="primary" onClick={onClose} />
      </div>
    </Dialog>
  );
}
