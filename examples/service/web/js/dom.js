// h makes an element. Of props, a function is a listener (onclick), class is the class, and everything else an attribute: true is one without a value, false and null are none. Children are nodes or
// text; those that are null or false are left out. Nothing is ever parsed as HTML.
export function h(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (typeof value === 'function') e.addEventListener(name.slice(2), value);
    else attribute(e, name, value);
  }
  e.append(...children.flat().filter((c) => c != null && c !== false));
  return e;
}

export function attribute(e, name, value) {
  if (value == null || value === false) e.removeAttribute(name);
  else e.setAttribute(name, value === true ? '' : value);
}

export const $ = (id) => document.getElementById(id);

// show shows an element with these children, or hides it if there are none.
export function show(e, ...children) {
  const some = children.flat().filter((c) => c != null && c !== false && c !== '');
  e.replaceChildren(...some);
  e.hidden = some.length === 0;
}

// arrange makes list the children of parent, and moves only those that are elsewhere: an element that is moved stops playing and loses the focus.
export function arrange(parent, list) {
  const wanted = new Set(list);
  for (const e of [...parent.children]) if (!wanted.has(e)) e.remove();
  list.forEach((e, i) => {
    if (parent.children[i] !== e) parent.insertBefore(e, parent.children[i] ?? null);
  });
}

// dialog shows a modal dialog over form, and resolves with what submit returned, or with undefined if it was given up. submit gets the button; if it throws, the dialog stays and says why.
export function dialog(title, form, submit) {
  const opener = document.activeElement;
  const problem = h('p', { class: 'notice', role: 'alert', hidden: true });
  const heading = h('h2', { id: 'dialog-title' }, title);
  const box = h('dialog', { 'aria-labelledby': 'dialog-title' }, heading, form);
  form.prepend(problem);
  document.body.append(box);
  return new Promise((resolve) => {
    let result;
    form.addEventListener('submit', async (e) => {
      e.preventDefault();
      const buttons = [...form.querySelectorAll('button')];
      buttons.forEach((b) => { b.disabled = true; });
      try {
        result = await submit();
        box.close();
      } catch (err) {
        show(problem, err.message);
      } finally {
        buttons.forEach((b) => { b.disabled = false; });
      }
    });
    box.addEventListener('close', () => {
      box.remove();
      if (opener?.isConnected) opener.focus();
      resolve(result);
    });
    box.showModal();
  });
}

// buttons are those at the end of a dialog.
export function buttons(label, kind = 'primary') {
  return h('div', { class: 'buttons' },
    h('button', { type: 'button', onclick: (e) => e.target.closest('dialog').close() }, 'Cancel'),
    h('button', { class: kind }, label));
}
