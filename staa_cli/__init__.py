"""staa: how easily is a speech emotion model fooled, and by how little?"""

__version__ = "0.1.0"
