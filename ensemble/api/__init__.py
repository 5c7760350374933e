"""What `import ensemble` offers: the verbs on files, arrays and folders, and what they give."""
