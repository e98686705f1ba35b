/** JupyterLab's own copy, which is only loaded here and never called. */
declare module 'react-toastify';
