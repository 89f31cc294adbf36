from django.urls import path

from courses.views import catalogue, createcourse, learning, media, uploads

app_name = "courses"

LECTURE = "courses/<slug:slug>/lectures/<uuid:lecture_id>"

urlpatterns = [
    path("", catalogue.home, name="home"),
    path("courses", catalogue.course_list, name="course_list"),
    path("courses/<slug:slug>", catalogue.course_detail, name="course_detail"),
    path("courses/<slug:slug>/save", learning.course_save, name="course_save"),
    path("courses/<slug:slug>/enrol", learning.course_enrol, name="course_enrol"),
    path("courses/<slug:slug>/resume", learning.course_resume, name="course_resume"),
    path(LECTURE, learning.lecture_detail, name="lecture_detail"),
    path(f"{LECTURE}/video", learning.lecture_video, name="lecture_video"),
    path(f"{LECTURE}/captions.vtt", learning.lecture_captions, name="lecture_captions"),
    path(f"{LECTURE}/file", learning.lecture_file, name="lecture_file"),
    path(f"{LECTURE}/progress", learning.lecture_progress, name="lecture_progress"),
    path(f"{LECTURE}/done", learning.lecture_done, name="lecture_done"),
    path("course/<uuid:course_id>", catalogue.course_by_id, name="course_by_id"),
    path("my/courses", learning.my_courses, name="my_courses"),
    path("my/saved", learning.saved_courses, name="saved_courses"),
    path("admin/createcourse", createcourse.createcourse, name="createcourse"),
    path("uploads", uploads.upload_start, name="upload_start"),
    path("uploads/parts", uploads.upload_parts, name="upload_parts"),
    path("uploads/part/<str:token>", uploads.upload_part, name="upload_part"),
    path("uploads/finish", uploads.upload_finish, name="upload_finish"),
    path("uploads/cancel", uploads.upload_cancel, name="upload_cancel"),
    path("media/public/<path:path>", media.public_media, name="public_media"),
    path("media/signed/<str:token>", media.media, name="media"),
]
