"""Calls that moto lacks and that our roots make."""

import json

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse


def tags_of_scalable_targets():
    """moto forgets the tags of a scalable target; the provider reads them after each write."""
    tags = {}
    register = ApplicationAutoScalingResponse.register_scalable_target

    def register_scalable_target(self):
        answer = register(self)
        tags.setdefault(json.loads(answer)["ScalableTargetARN"], {}).update(self._get_param("Tags") or {})
        return answer

    def tag_resource(self):
        tags.setdefault(self._get_param("ResourceARN"), {}).update(self._get_param("Tags") or {})
        return "{}"

    def untag_resource(self):
        for key in self._get_param("TagKeys") or []:
            tags.get(self._get_param("ResourceARN"), {}).pop(key, None)
        return "{}"

    def list_tags_for_resource(self):
        return json.dumps({"Tags": tags.get(self._get_param("ResourceARN"), {})})

    for call in (register_scalable_target, tag_resource, untag_resource, list_tags_for_resource):
        setattr(ApplicationAutoScalingResponse, call.__name__, call)


ALL = (tags_of_scalable_targets,)
